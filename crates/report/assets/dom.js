// @ts-check
// Elements of the page: their HTML, and what is chosen in them.

// A tagged template that escapes its values for HTML.
export function html(strings, ...values) {
  const escape = (value) => String(value).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return strings.reduce((text, part, place) => text + escape(values[place - 1]) + part);
}

// A text as HTML in which keys break after dots and underscores: `generator.hidden_size`. Numbers do not.
export function breakable(text) {
  return html`${text}`.replace(/[._]+(?=[a-z])/gi, "$&<wbr>");
}

// The value of the chosen one of the radio buttons of that name, or the fallback where none is chosen.
export function option(root, name, fallback) {
  return root.querySelector(`[data-option="${name}"]:checked`)?.value ?? fallback;
}
