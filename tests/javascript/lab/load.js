// The lab's files, joined as the package joins them, and its compiled kernels.

import { readFileSync } from "node:fs";
import vm from "node:vm";

const folder = new URL("../../../vaelib/laboratory/", import.meta.url);

export const kernelBytes = readFileSync(new URL("kernels/kernels.wasm", folder));
export const kernels = () => new WebAssembly.Module(kernelBytes);

// The names asked for, out of the files joined and of more text, whose functions take the place of theirs.
export function load(files, names, more = "") {
  const text = ["../../widgets/static/words.js", ...files].map((file) => readFileSync(new URL(`static/${file}`, folder), "utf8")).join("\n");
  return vm.runInThisContext(`(() => {\n${text}\n${more}\nreturn { ${names.join(", ")} };\n})()`);
}
