"""How the shop is run elsewhere: images, proxies, clusters, and a rehearsal of it."""
