policy "landing-page" {
  target = kubernetes.deployment { namespace = "marketing", name = "landing" },
  replicas = { min = 12, max = 8 },
  metrics = { rps = gateway.caddy { url = "http://caddy:2019/metrics", capacity = 200 } },
  track = { rps = 150 },
  fallback = { after = "5m", replicas = 10 },
}
