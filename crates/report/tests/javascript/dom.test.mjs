// Texts as HTML.

import assert from "node:assert/strict";
import { test } from "node:test";

import { breakable, html } from "../../assets/dom.js";

test("values are escaped", () => {
  assert.equal(html`<b title="${'"'}">${"a<b & 'c'"}</b>`, '<b title="&#34;">a&#60;b &#38; &#39;c&#39;</b>');
});

test("keys break after dots and underscores, and numbers do not", () => {
  assert.equal(breakable("model.generator.hidden_size=0.05"), "model.<wbr>generator.<wbr>hidden_<wbr>size=0.05");
  assert.equal(breakable("<i>.b"), "&#60;i&#62;.<wbr>b");
});
