// How `make report` makes one page of many runs. Run where this file is; the runs are told on the command line.
import { existsSync, readFileSync } from "node:fs";

const results = process.argv.filter((word) => existsSync(`${word}/categories.json`));

export default {
  name: "drillproof",
  output: "html",
  historyPath: "history.jsonl", // grows with each build, so that the next one can show how a drill went before
  appendHistory: true,
  categories: results.length ? JSON.parse(readFileSync(`${results.at(-1)}/categories.json`, "utf8")) : [],
  plugins: { awesome: { options: { singleFile: true, reportLanguage: "en", groupBy: ["suite", "feature"] } } },
};
