// @ts-check
// The visible part of the page.

// Calls `changed` with whether an element is in the visible part or at most `margin` pixels away from it: once soon, and then
// whenever that changes.
export function watchNearness(element, margin, changed) {
  const observer = new IntersectionObserver(
    // A busy browser reports several changes at once; the last one holds.
    (entries) => changed(entries[entries.length - 1].isIntersecting),
    { rootMargin: `${margin}px` },
  );
  observer.observe(element);
}
