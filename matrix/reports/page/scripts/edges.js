// Boxes that scroll sideways: an edge behind which there is more fades, which the styles do.

// The width of what fades, in pixels, as the styles have it.
const FADE = 32;

function watchEdges(box) {
  const tell = () => {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more-before", box.scrollLeft > 1);
    box.classList.toggle("more-after", left > 1);
  };
  box.addEventListener("scroll", tell, { passive: true });
  // Also told when the box comes to be shown.
  new ResizeObserver(tell).observe(box);
}

// Scrolls a box sideways as far as shows something in it.
function scrollSideways(box, element) {
  const { left, right } = element.getBoundingClientRect();
  const edges = box.getBoundingClientRect();
  if (left < edges.left) box.scrollLeft += left - edges.left - FADE;
  else if (right > edges.right) box.scrollLeft += right - edges.right + FADE;
}
