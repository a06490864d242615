const opened = openLabPage(PAGE, document.getElementById("lab"));
