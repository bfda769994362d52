// Words of a shell command.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { shellWord } from "../../assets/shell.js";

test("a shell reads every text back, and plain ones are not quoted", () => {
  const plain = ["results/mnist", "C:/a", "lr_1e-3+r1@2%.x"];
  const others = ["", "two words", "it's", "$HOME", "a;b", "~", "é", 'say "x"', "\\", "two\nlines", "a=b", "*"];
  for (const text of plain) assert.equal(shellWord(text), text);
  const command = `printf '%s\\0' ${[...plain, ...others].map(shellWord).join(" ")}`;
  const said = execFileSync("sh", ["-c", command], { encoding: "utf8" });
  assert.deepEqual(said.split("\0").slice(0, -1), [...plain, ...others]);
});
