/** An event loop with nothing to do. Run it with --import of lag-probe.mjs. `node idle-loop.mjs` */
setInterval(() => undefined, 1_000_000)
