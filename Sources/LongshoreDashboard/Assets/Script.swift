extension Asset {
  /// What keeps a page up to date: it takes the parts that changed from the server and changes the elements that differ, so that focus,
  /// scroll position and open details stay. A page is whole without it.
  static let script = Asset(
    contentType: "text/javascript; charset=utf-8",
    text: #"""
      "use strict";
      (() => {
        const SILENCE = 40000;
        const seconds = { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
        const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", ...seconds });
        const clock = new Intl.DateTimeFormat(undefined, seconds);

        // Times, as they are read where the browser is. The server's clock and the browser's may differ.
        let skew = 0;
        const ago = (date) => {
          const seconds = Math.max(0, Math.round((Date.now() + skew - date) / 1000));
          if (seconds < 60) return seconds + " s ago";
          if (seconds < 3600) return Math.floor(seconds / 60) + " min ago";
          return "at " + day.format(date);
        };
        const showTime = (element) => {
          const date = new Date(element.dateTime);
          if (Number.isNaN(date.getTime())) return;
          const isToday = date.toDateString() === new Date().toDateString();
          const text = "age" in element.dataset ? ago(date)
            : "clock" in element.dataset && isToday ? clock.format(date) : day.format(date);
          if (element.textContent !== text) element.textContent = text;
          element.title = element.dateTime;
        };
        const showTimes = (root) => root.querySelectorAll("time[datetime]").forEach(showTime);

        // Makes an element like another one, leaving alone what is the same.
        const keyOf = (node) => node.nodeType === 1 ? node.dataset.key || node.id || "" : "";
        const isSame = (left, right) => left.nodeType === right.nodeType && left.nodeName === right.nodeName && keyOf(left) === keyOf(right);
        const morph = (old, fresh) => {
          if (old.nodeType !== 1) {
            if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
            return;
          }
          for (const { name } of [...old.attributes]) {
            if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
          }
          for (const { name, value } of fresh.attributes) {
            if (old.getAttribute(name) === value || (name === "open" && old.nodeName === "DETAILS")) continue;
            old.setAttribute(name, value);
          }
          morphChildren(old, fresh);
        };
        const morphChildren = (old, fresh) => {
          const keyed = new Map();
          for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
          let place = old.firstChild;
          for (const wanted of [...fresh.childNodes]) {
            const key = keyOf(wanted);
            let found = key ? keyed.get(key) : place;
            while (!key && found && keyOf(found)) found = found.nextSibling;
            if (found && isSame(found, wanted)) {
              if (found === place) place = place.nextSibling; else old.insertBefore(found, place);
              morph(found, wanted);
            } else {
              old.insertBefore(wanted, place);
            }
          }
          while (place) {
            const next = place.nextSibling;
            place.remove();
            place = next;
          }
        };

        // Alarms are read aloud when they come.
        const announcer = document.getElementById("announce");
        const alarms = () => new Map([...document.querySelectorAll("[data-alarm]")].map(
          (element) => [element.dataset.alarm, element.querySelector("[data-alarm-text]")?.textContent || ""]));
        let known = alarms();
        const announce = () => {
          const present = alarms();
          const news = [...present].filter(([key]) => !known.has(key)).map(([, text]) => text);
          const gone = [...known.keys()].some((key) => !present.has(key));
          known = present;
          if (news.length) announcer.textContent = "Alarm: " + news.join(" ");
          else if (gone && !present.size) announcer.textContent = "All alarms have ended.";
        };

        const template = document.createElement("template");
        const take = ({ title, kind, parts, now }) => {
          skew = Date.parse(now) - Date.now();
          const isOther = kind !== document.body.dataset.live;
          // What was looked for is found, or is not there. What is shown stays while a dashboard that was started anew looks for it.
          if (isOther && kind !== "searching") return location.reload();
          if (title && !isOther && document.title !== title) document.title = title;
          for (const [id, markup] of Object.entries(parts)) {
            const element = document.getElementById(id);
            if (!element || !("part" in element.dataset)) continue;
            template.innerHTML = markup;
            showTimes(template.content);
            morphChildren(element, template.content);
          }
          announce();
        };

        showTimes(document);
        setInterval(() => document.querySelectorAll("time[data-age]").forEach(showTime), 1000);
        if (!("live" in document.body.dataset) || !("EventSource" in window)) return;

        // The connection: it says when it is away, and comes back by itself.
        const state = document.getElementById("live-state");
        let source = null, heard = Date.now(), away = 0, wait = 1000, timer = 0;
        const isAway = () => {
          if (away) return;
          away = Date.now();
          state.textContent = "The connection to the dashboard is away since " + clock.format(away) + ". What is shown may be old; it is being tried again.";
          state.hidden = false;
          document.documentElement.dataset.away = "";
        };
        const isBack = () => {
          heard = Date.now();
          wait = 1000;
          if (!away) return;
          away = 0;
          state.hidden = true;
          state.textContent = "";
          delete document.documentElement.dataset.away;
        };
        const connect = () => {
          clearTimeout(timer);
          source?.close();
          heard = Date.now();
          source = new EventSource("/live?page=" + encodeURIComponent(location.pathname + location.search));
          source.addEventListener("parts", (event) => { isBack(); take(JSON.parse(event.data)); });
          source.addEventListener("beat", isBack);
          source.onerror = () => { isAway(); again(); };
        };
        const again = () => {
          source?.close();
          clearTimeout(timer);
          timer = setTimeout(connect, wait);
          wait = Math.min(wait * 2, 15000);
        };
        setInterval(() => { if (!away && Date.now() - heard > SILENCE) { isAway(); again(); } }, 5000);
        // Who comes back to a page that slept does not want to wait.
        document.addEventListener("visibilitychange", () => { if (!document.hidden && away) { wait = 1000; connect(); } });
        window.addEventListener("pagehide", () => source?.close());
        window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
        connect();
      })();
      """#)
}
