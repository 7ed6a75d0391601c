// Elements are made here and nowhere else: text is always a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. A name `onclick` sets a listener; true is an empty attribute; null and false are none. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Set a text only if it is another one, so that nothing is laid out anew and nothing is read out twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute only if it is another one; null removes it. */
export function mark(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Do something that moves what is on the page, but not from under a press, which would then be no click: `after` it. */
export function still(act, after = act) {
  if (!document.querySelector("button:active, a:active")) return act();
  const over = new AbortController();
  const end = () => {
    over.abort();
    setTimeout(after); // after the click, if it is one
  };
  for (const name of ["pointerup", "pointercancel", "keyup"]) addEventListener(name, end, { signal: over.signal });
}

/** Call `draw` once in the next frame, however often it is asked for. In a hidden tab, once it is seen again. */
export function framed(draw) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
