// Runs the pure functions of the widgets' modules without a browser: a line in, a line out; see `js` in conftest.py.
// In: { path, code, argument }: code is an expression in which `module` is the module, or a function of the argument.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { path, code, argument } = JSON.parse(line);
    globalThis.module = { ...await import(pathToFileURL(path)) };
    let value = (0, eval)(code);
    if (typeof value === "function") value = await value(argument);
    answer = { value };
  } catch (error) {
    answer = { error: error.stack };
  }
  console.log(JSON.stringify(answer));
}
