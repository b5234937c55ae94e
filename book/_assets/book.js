// What the theme's scripts leave undone; each part says what that is. Loaded with `defer`, after them.

// Search results opened from disk: their excerpts would be fetched, which a browser refuses there
// with an error for each result. Without excerpts the results are a list of links.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Long formulas and wide tables scroll in their own box, which a keyboard reaches only if it can
// have the focus; the theme does that for code and its own tables, and forgets what was folded.
const scrolling = ".katex-display, .indextable, .genindextable, pre, .pst-scrollable-table-container, .cell_output > .output";
const letScroll = () => {
  const boxes = [...document.querySelectorAll(scrolling)];  // first read all, then write: one layout
  const over = boxes.map(box => (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight)
    && getComputedStyle(box).overflowX !== "visible");
  boxes.forEach((box, i) => {
    if (over[i]) box.tabIndex = 0;
    else if (box.hasAttribute("tabindex")) box.removeAttribute("tabindex");
  });
};
// After a resize the layout goes on moving, fonts come late and folds open: watch the article itself.
new ResizeObserver(letScroll).observe(document.querySelector("article") ?? document.body);

// On a new visit the theme scrolls the sidebar to the page that is open, past logo and search field,
// even where that page could be seen without.
addEventListener("DOMContentLoaded", () => {
  const sidebar = document.querySelector("#pst-primary-sidebar");
  const open = sidebar?.querySelector("li.current a.current");
  if (sidebar && (!open || open.getBoundingClientRect().bottom + sidebar.scrollTop < innerHeight)) sidebar.scrollTop = 0;
});

// Paper is white: a dark page is printed light.
let before = null;
addEventListener("beforeprint", () => {
  before = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  if (before) document.documentElement.dataset.theme = before;
});
