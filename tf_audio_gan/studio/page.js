"use strict";
// The pads and the keyboard. `element` is a tab's root, `server` the functions of answers.py.
window.tfAudioGan = (() => {
  const PAD_KEYS = ["1", "2", "3", "4", "q", "w", "e", "r", "a", "s", "d", "f", "z", "x", "c", "v"];
  const PAD_CODES = PAD_KEYS.map(key => /\d/.test(key) ? "Digit" + key : "Key" + key.toUpperCase());
  const PIANO_CODES = ["KeyZ", "KeyS", "KeyX", "KeyD", "KeyC", "KeyV", "KeyG", "KeyB", "KeyH", "KeyN", "KeyJ", "KeyM",
    "KeyQ", "Digit2", "KeyW", "Digit3", "KeyE", "KeyR", "Digit5", "KeyT", "Digit6", "KeyY", "Digit7", "KeyU", "KeyI"];
  const STEPS = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
  const LARGEST = Number.MAX_SAFE_INTEGER, VOICES = 16;
  const nameOf = pitch => STEPS[pitch % 12] + (Math.floor(pitch / 12) - 1);
  const drawn = () => Math.floor(Math.random() * 1e6);
  const cap = code => code.replace(/^(Key|Digit)/, "");

  // Letters as this keyboard has them at those places, where the browser tells.
  async function caps(codes) {
    try {
      const layout = await navigator.keyboard.getLayoutMap();
      return codes.map(code => (layout.get(code) || cap(code)).toUpperCase());
    } catch { return codes.map(cap); }
  }

  // One call at a time; of those that come meanwhile, the last.
  function latest(work) {
    let busy = false, next = null;
    return async function run(...given) {
      if (busy) { next = given; return; }
      busy = true;
      try { await work(...given); } finally {
        busy = false;
        if (next) { const then = next; next = null; run(...then); }
      }
    };
  }

  function common(element, server) {
    const $ = name => element.querySelector("[data-" + name + "]");
    const voices = [];
    let played = 0;
    function say(text, wrong = false) {
      $("state").textContent = text;
      $("state").classList.toggle("wrong", wrong);
    }
    async function ask(name, request) {
      let reply;
      try { reply = await server[name](request); } catch { throw new Error("The server does not answer. Is tf-audio-gan play still running?"); }
      if (!reply || reply.error) throw new Error(reply?.error || "The server's answer was empty.");
      return reply;
    }
    function stop() { for (const voice of voices.splice(0)) voice.pause(); $("audio").pause(); }
    function play(sound, button) {
      const voice = new Audio(sound.wav);
      voices.push(voice);
      if (voices.length > VOICES) voices.shift().pause();
      const end = () => {
        button.classList.toggle("sounding", voices.some(other => other !== voice && other.button === button));
        const at = voices.indexOf(voice);
        if (at >= 0) voices.splice(at, 1);
      };
      voice.button = button;
      voice.onended = voice.onpause = end;
      button.classList.add("sounding");
      voice.play().then(() => { $("audio").dataset.played = ++played; }).catch(error => {
        end();
        if (error.name !== "AbortError") say("This browser cannot play the sound: " + error.message, true);
      });
    }
    function show(title, sound) {
      $("title").textContent = title + " · " + sound.facts;
      const look = $("chosen").querySelector(".look"), image = look.querySelector("img");
      look.querySelector("path").setAttribute("d", sound.outline);
      image.hidden = false;
      image.src = sound.picture;
      image.alt = "Spectrogram of " + title;
      if ($("audio").getAttribute("src") !== sound.wav) $("audio").src = sound.wav;
      $("audio").setAttribute("aria-label", title);
      $("save").hidden = false;
      $("save").href = sound.wav;
      $("save").download = sound.file;
    }
    // Mouse and pen at once, fingers when they leave (they may be scrolling), Enter and Space as a click.
    function onPress(root, act) {
      let done = null;
      const button = event => event.target.closest("button[data-n]");
      root.addEventListener("pointerdown", event => {
        done = null;
        if (event.pointerType === "touch" || event.button !== 0 || !button(event)) return;
        done = button(event);
        act(Number(done.dataset.n));
      });
      root.addEventListener("click", event => {
        const one = button(event);
        if (one && one !== done) act(Number(one.dataset.n));
        done = null;
      });
    }
    function onKeys(codes, act) {
      const hear = event => {
        if (!element.isConnected) return document.removeEventListener("keydown", hear);
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !element.offsetParent) return;
        if (event.key === "Escape") return stop();
        const at = codes.indexOf(event.code);
        if (at < 0 || event.target.closest?.("input:not([type=range], [type=checkbox]), select, textarea, [contenteditable]")) return;
        event.preventDefault();
        act(at);
      };
      document.addEventListener("keydown", hear);
    }
    // A whole number in a field, or null and a word about it.
    function seedIn(input) {
      const value = Number(input.value);
      const right = input.value.trim() !== "" && Number.isInteger(value) && value >= 0 && value <= LARGEST;
      input.setAttribute("aria-invalid", String(!right));
      if (right) return value;
      say("A seed is a whole number from 0 to " + LARGEST + ".", true);
      return null;
    }
    const failed = error => say(error.message, true);
    return { $, say, ask, stop, play, show, onPress, onKeys, seedIn, failed };
  }

  function drums(element, server) {
    const { $, say, ask, play, show, onPress, onKeys, seedIn, failed, stop } = common(element, server);
    const pads = [...element.querySelectorAll(".pads button")];
    const kit = pads.map(() => null), kept = pads.map(() => false);
    let picked = -1, wanted = -1, generation = 0, ready = false;
    const titleOf = n => "Pad " + (n + 1) + " · seed " + kit[n].seed + (kit[n].label && " · " + kit[n].label);

    function draw(n) {
      const sound = kit[n], pad = pads[n];
      pad.querySelector("b").textContent = sound.label || n + 1;
      pad.querySelector("small").textContent = "seed " + sound.seed;
      pad.querySelector("path").setAttribute("d", sound.outline);
      pad.classList.toggle("kept", kept[n]);
      pad.classList.toggle("picked", n === picked);
      pad.setAttribute("aria-label", titleOf(n) + ", key " + pad.querySelector("kbd").textContent + (kept[n] ? ", kept" : ""));
    }
    function pick(n) {
      const before = picked;
      picked = n;
      if (before >= 0 && kit[before]) draw(before);
      draw(n);
      show(titleOf(n), kit[n]);
      for (const control of [$("own-seed"), $("own-class"), $("keep")]) control.disabled = false;
      $("own-seed").value = kit[n].seed;
      $("own-class").value = kit[n].label;
      $("keep").checked = kept[n];
    }
    function press(n) {
      if (!kit[n]) { wanted = n; return; }  // it sounds as soon as it is there
      play(kit[n], pads[n]);
      pick(n);
    }
    function labelled(labels) {
      for (const label of element.querySelectorAll("[data-classes]")) label.hidden = !labels.length;
      const options = labels.map(name => new Option(name, name));
      if ($("class").options.length !== labels.length + 1 || [...$("class").options].slice(1).some((o, i) => o.value !== labels[i])) {
        $("class").replaceChildren(new Option("each in turn", ""), ...options);
        $("own-class").replaceChildren(...labels.map(name => new Option(name, name)));
      }
    }
    const make = latest(async () => {
      const seed = seedIn($("seed")), preset = $("preset").value;
      if (seed === null) return;
      const mine = ++generation;
      say((ready ? "Making sixteen sounds of " : "Loading ") + preset + " …");
      try {
        const reply = await ask("kit", { preset, seed, label: $("class").value });
        if (mine !== generation || preset !== $("preset").value) return;
        labelled(reply.labels);
        reply.sounds.forEach((sound, n) => { if (!kept[n] || !kit[n]) { kit[n] = sound; } draw(n); });
        ready = true;
        say(preset + ", seeds " + seed + " to " + (seed + pads.length - 1) + ". Press a pad.");
        if (wanted >= 0) { const n = wanted; wanted = -1; press(n); }
        else pick(Math.max(picked, 0));
      } catch (error) { failed(error); }
    });
    const own = latest(async () => {
      const n = picked, seed = seedIn($("own-seed")), preset = $("preset").value;
      if (n < 0 || seed === null) return;
      try {
        const reply = await ask("sound", { preset, seed, label: $("own-class").value });
        if (preset !== $("preset").value) return;
        kit[n] = reply.sounds[0];
        kept[n] = true;  // asked for by hand: it stays
        say("Pad " + (n + 1) + " has seed " + seed + " now, and keeps it.");
        play(kit[n], pads[n]);
        pick(n);
      } catch (error) { failed(error); }
    });
    function from(seed) { $("seed").value = Math.min(Math.max(seed, 0), LARGEST - pads.length); make(); }

    onPress(element.querySelector(".pads"), press);
    onKeys(PAD_CODES, press);
    caps(PAD_CODES).then(names => pads.forEach((pad, n) => {
      pad.querySelector("kbd").textContent = names[n];
      if (kit[n]) draw(n);
    }));
    $("fresh").addEventListener("click", () => from(drawn()));
    $("on").addEventListener("click", () => from(Number($("seed").value) + pads.length));
    $("back").addEventListener("click", () => from(Number($("seed").value) - pads.length));
    $("seed").addEventListener("change", () => make());
    $("class").addEventListener("change", () => make());
    $("preset").addEventListener("change", () => {
      stop();
      ready = false;
      $("class").replaceChildren(new Option("each in turn", ""));
      kit.fill(null);
      kept.fill(false);
      make();
    });
    $("own-seed").addEventListener("change", () => own());
    $("own-class").addEventListener("change", () => own());
    $("keep").addEventListener("change", () => { kept[picked] = $("keep").checked; draw(picked); });
    make();
  }

  function keyboard(element, server) {
    const { $, say, ask, play, show, onPress, onKeys, seedIn, failed, stop } = common(element, server);
    const KEYS = 25, WHITE = 15, notes = new Map(), KEPT = 200;
    const corners = [...element.querySelectorAll("[data-corner]")];
    let pitches = [], lowest = 48, labels = PIANO_CODES.map(cap), waiting = new Set();

    function build() {
      let white = 0;
      $("piano").replaceChildren(...Array.from({ length: KEYS }, (_, n) => {
        const pitch = lowest + n, black = nameOf(pitch).includes("♯"), button = document.createElement("button");
        const wide = 100 / WHITE;
        button.type = "button";
        button.dataset.n = n;
        button.className = black ? "black" : "";
        button.style.left = (black ? white * wide - 0.3 * wide : white * wide) + "%";
        button.style.width = (black ? 0.6 : 1) * wide + "%";
        if (!black) white++;
        button.disabled = !pitches.includes(pitch);
        button.setAttribute("aria-label", nameOf(pitch) + ", key " + labels[n]);
        const key = document.createElement("kbd"), name = document.createElement("span");
        key.textContent = labels[n];
        name.textContent = black ? "" : nameOf(pitch);
        button.append(key, name);
        return button;
      }));
      $("range").textContent = nameOf(lowest) + " to " + nameOf(lowest + KEYS - 1);
      const least = Math.floor(pitches[0] / 12) * 12, most = Math.floor(pitches.at(-1) / 12) * 12;
      $("lower").disabled = !pitches.length || lowest - 12 < least;
      $("higher").disabled = !pitches.length || lowest + 12 > most;
    }
    const key = n => $("piano").querySelector("[data-n='" + n + "']");
    async function press(n) {
      const pitch = lowest + n, button = key(n);
      if (!button || button.disabled) return;
      const seeds = corners.map(seedIn), across = Number($("across").value), down = Number($("down").value);
      if (seeds.includes(null)) return;
      const request = { preset: $("preset").value, pitch, seeds, across, down }, name = JSON.stringify(request);
      if (waiting.has(name)) return;
      if (!notes.has(name)) {
        waiting.add(name);
        say("Making " + nameOf(pitch) + " …");
        try { notes.set(name, await ask("note", request)); } catch (error) { return failed(error); } finally { waiting.delete(name); }
        if (notes.size > KEPT) notes.delete(notes.keys().next().value);
        say("");
      }
      play(notes.get(name), button);
      show(nameOf(pitch) + " · seeds " + seeds.join(", ") + " · at " + across.toFixed(2) + ", " + down.toFixed(2), notes.get(name));
    }
    const load = latest(async () => {
      const preset = $("preset").value;
      say("Loading " + preset + " …");
      try {
        ({ pitches } = await ask("keys", { preset }));
        if (preset !== $("preset").value) return;
        const least = Math.floor(pitches[0] / 12) * 12, most = Math.floor(pitches.at(-1) / 12) * 12;
        lowest = Math.max(least, Math.min(48, most - 24));
        say(preset + " plays " + nameOf(pitches[0]) + " to " + nameOf(pitches.at(-1)) + ".");
      } catch (error) { pitches = []; failed(error); }
      build();
    });
    function point() {
      $("point").style.left = 100 * $("across").value + "%";
      $("point").style.top = 100 * $("down").value + "%";
    }
    function moved(event) {
      const box = $("field").getBoundingClientRect(), within = x => Math.min(1, Math.max(0, x)).toFixed(2);
      $("across").value = within((event.clientX - box.left) / box.width);
      $("down").value = within((event.clientY - box.top) / box.height);
      point();
    }
    function shift(by) { stop(); lowest += by; build(); }

    onPress($("piano"), press);
    onKeys(PIANO_CODES, press);
    caps(PIANO_CODES).then(names => { labels = names; build(); });
    $("field").addEventListener("pointerdown", event => { $("field").setPointerCapture(event.pointerId); moved(event); });
    $("field").addEventListener("pointermove", event => { if ($("field").hasPointerCapture(event.pointerId)) moved(event); });
    for (const name of ["across", "down"]) $(name).addEventListener("input", point);
    $("lower").addEventListener("click", () => shift(-12));
    $("higher").addEventListener("click", () => shift(12));
    $("fresh").addEventListener("click", () => { for (const corner of corners) corner.value = drawn(); say("Four new timbres. Press a key."); });
    $("preset").addEventListener("change", () => { stop(); load(); });
    point();
    load();
  }
  return { drums, keyboard };
})();
