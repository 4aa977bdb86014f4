"""The two screens that pages are looked at on, and what is measured there."""

from playwright.async_api import ViewportSize

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
SIZES: dict[str, ViewportSize] = {"phone": PHONE, "desktop": DESKTOP}

SMALLEST = 43.5
"""CSS pixels; 44, and what rounding takes."""

MEASURE = f"""() => {{
  const small = [];
  for (const each of document.querySelectorAll("a, button, summary, input, select, textarea")) {{
    const box = each.getBoundingClientRect();
    const inText = each.closest("p, dd") || (each.closest("footer") && each.matches("a"));
    const apart = inText || each.classList.contains("skip");
    if (box.height && box.height < {SMALLEST} && !apart) small.push(each.outerHTML);
  }}
  return {{ wider: document.documentElement.scrollWidth - document.documentElement.clientWidth, small }};
}}"""
