// @ts-check
// The language of the filter: words that must all hold.
//
//   seed=1  lr>1e-3  state!=completed     compare a key with a value; numbers as numbers
//   seed=1,2                              one of several values
//   diverged                              a text that the run contains
//   !diverged  !seed=1                    the opposite
//   "two words"                           quotes keep spaces

const COMPARISON = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.*)$/s;

// Parses a filter. `fields` are `{ names, value }`: the names by which a key may be called, the full one
// first, and a function from a run's index to its value. `textOf` gives the text that bare words are looked
// for in, in lower case. Returns `matches`, a function from a run's index, and `errors`, sentences on words
// that mean nothing; these words are left out.
export function parseQuery(text, fields, textOf) {
  const errors = [];
  const tests = words(text)
    .map((word) => {
      try {
        return wordTest(word, fields, textOf);
      } catch (error) {
        errors.push(/** @type {Error} */ (error).message);
        return null;
      }
    })
    .filter(Boolean);
  return { matches: (run) => tests.every((test) => test(run)), errors };
}

// The words of a text; quotes keep spaces and operators together.
export function words(text) {
  return [...text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)].map(([word]) => word);
}

function wordTest(word, fields, textOf) {
  if (word.startsWith("!") && word.length > 1 && word[1] !== "=") {
    const test = wordTest(word.slice(1), fields, textOf);
    return test && ((run) => !test(run));
  }
  const comparison = word.startsWith('"') ? null : COMPARISON.exec(word);
  if (!comparison) {
    const wanted = unquoted(word).toLowerCase();
    return wanted === "" || wanted === "!" ? null : (run) => textOf(run).includes(wanted);
  }
  const [, key, operator, value] = comparison;
  const field = findField(key, fields);
  // Half a word, while it is typed, hides nothing.
  if (value === "") return null;
  return comparisonTest(field, operator, unquoted(value));
}

function unquoted(text) {
  return text.replaceAll('"', "");
}

// The field of that name, or the only one whose name ends or begins with it: `lr` is `optimizer.lr`.
export function findField(key, fields) {
  const wanted = key.toLowerCase();
  const named = (fits) => fields.filter(({ names }) => names.some((name) => fits(name.toLowerCase())));
  const rules = [
    (name) => name === wanted,
    (name) => name.endsWith(`.${wanted}`),
    (name) => name.startsWith(wanted),
  ];
  for (const rule of rules) {
    const found = named(rule);
    if (found.length === 1) return found[0];
    if (found.length > 1)
      throw new Error(`\`${key}\` may be ${found.map(({ names }) => names[0]).join(" or ")}`);
  }
  throw new Error(`there is no key \`${key}\`: there are ${known(fields)}`);
}

// The names of the first fields; a sweep may have hundreds.
function known(fields) {
  const names = fields.slice(0, 12).map(({ names: [full, short] }) => short ?? full);
  return names.join(", ") + (fields.length > 12 ? ` and ${fields.length - 12} more` : "");
}

function comparisonTest(field, operator, text) {
  if (operator === "=" || operator === "!=") {
    const wanted = text.split(",").filter(Boolean);
    const isOne = (run) => wanted.some((value) => same(field.value(run), value));
    return operator === "=" ? isOne : (run) => !isOne(run);
  }
  const limit = asNumber(text);
  if (limit === null || Number.isNaN(limit)) throw new Error(`\`${text}\` is no number to compare ${field.names[0]} with`);
  const holds = {
    "<": (value) => value < limit,
    "<=": (value) => value <= limit,
    ">": (value) => value > limit,
    ">=": (value) => value >= limit,
  }[operator];
  return (run) => {
    const value = asNumber(field.value(run));
    return value !== null && holds(value);
  };
}

// Whether a value is the one that is written so. Numbers are written in many ways: 2e-4, 0.0002.
function same(value, text) {
  if (value === null || value === undefined) return text === "none";
  const [number, wanted] = [asNumber(value), asNumber(text)];
  if (number !== null && wanted !== null) return Object.is(number + 0, wanted + 0);
  const plain = String(value).toLowerCase();
  const spelled = { yes: "true", no: "false" }[text.toLowerCase()] ?? text.toLowerCase();
  return plain === spelled;
}

function asNumber(value) {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return null;
  if (/^nan$/i.test(value)) return NaN;
  const infinite = /^([+-]?)inf(inity)?$/i.exec(value);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  const number = Number(value.replaceAll("_", ""));
  return Number.isNaN(number) ? null : number;
}
