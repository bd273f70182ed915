// The few things that htmx cannot be told by attributes; the texts stand in base.html. Pages work without this file.
(() => {
  const region = () => document.getElementById("toasts");
  const say = (id) => region().replaceChildren(document.getElementById(id).content.cloneNode(true));
  const refuse = () => {}; // an arrow is no constructor: whoever wants to make code out of text gets a TypeError
  htmx.registerExtension("site", {
    init: (api) => api.initSecurity({ createHTML: (s) => s, createScript: () => "" }, refuse, refuse),
  });
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    if (ctx.response.headers.has("HX-Retarget")) return; // the server knows where its answer belongs
    const failed = ctx.response.status >= 400 && ctx.response.status !== 422;
    const whole = /^\s*<!doctype/i.test(ctx.text);
    if (failed && (whole || !ctx.text)) {
      ctx.swap = "none";
      say("say-broken");
    } else if (failed && ctx.text.includes('id="platform-error"')) {
      Object.assign(ctx, { target: region(), swap: "innerHTML", select: null });
    } else if (whole && ctx.target !== document.body && !ctx.select) {
      // A redirect led to a page, not to a part of one: show it as a page.
      Object.assign(ctx, { target: document.body, swap: "innerHTML show:top", push: "true" });
    }
  });
  document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
    if (ctx && ctx.text === undefined && !ctx.sourceElement?.matches("[data-stream]")) say("say-offline");
  });
  document.addEventListener("keydown", ({ key, target }) => {
    if (key !== "Escape" || !target.closest(".find")) return;
    document.getElementById("search-suggestions")?.replaceChildren();
    document.getElementById("find").focus();
  });
  // What somebody has typed stays typed when the row around it is made anew.
  document.addEventListener("htmx:before:morph:attr", (event) => {
    const { target, detail } = event;
    if (detail.attrName === "value" && target.matches("input") && target.value !== target.defaultValue)
      event.preventDefault();
  });
  // What asks for news now and then is told when there is some, where the server has a place for one more stream.
  const asks = document.querySelector("[data-stream]");
  if (asks && window.EventSource) {
    const news = new EventSource(asks.dataset.stream);
    news.onmessage = () => {
      const now = document.getElementById(asks.id);
      now ? htmx.trigger(now, "stock") : news.close();
    };
  }
  document.addEventListener("click", ({ target }) => {
    if (target.matches(".close")) target.parentNode.remove();
  });
})();
