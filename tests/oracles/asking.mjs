// Loads the SDKs from where they are installed, and answers the questions on the standard input.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

export const load = createRequire(process.env.ORACLES + "/node_modules/");

// SDKs log what they please: the standard output is for answers alone.
console.log = console.info = console.debug = console.warn = () => {};

export async function answer(one) {
  const questions = JSON.parse(readFileSync(0, "utf8"));
  const answers = [];
  for (const question of questions) {
    try {
      answers.push(await one(question));
    } catch (error) {
      answers.push({ error: String(error?.message ?? error) });
    }
  }
  process.stdout.write(JSON.stringify(answers), () => process.exit(0));
}
