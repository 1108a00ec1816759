/* A page opened from a folder may start no worker, which the search wants: there one is run in a hidden frame. */
(() => {
  if (location.protocol !== "file:") return;

  class FrameWorker extends EventTarget {
    constructor(address) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.answer("message", { data });
      inside.importScripts = (...scripts) => scripts.reduce((before, each) => before.then(() => this.load(each)), Promise.resolve());
      this.load(new URL(address, location.href).href).then(() => {
        const kept = this.waiting;
        this.waiting = null;
        kept.forEach((data) => this.postMessage(data));
      });
    }

    load(address) {
      return new Promise((done) => {
        const script = this.frame.contentDocument.createElement("script");
        script.onload = done;
        script.onerror = () => this.answer("error", {});
        script.src = address;
        this.frame.contentDocument.body.append(script);
      });
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }

    answer(kind, content) {
      const event = new MessageEvent(kind, content);
      this.dispatchEvent(event);
      this[`on${kind}`]?.(event);
    }

    terminate() {
      this.frame.remove();
    }
  }

  window.Worker = FrameWorker;
})();
