openLabPage(PAGE, document.getElementById("lab"));
