// @ts-check
// The POSIX shell.

// Quotes a text as one word, where it needs that.
export function shellWord(text) {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
