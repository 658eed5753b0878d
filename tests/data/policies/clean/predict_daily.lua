-- The same curve every day; the forecast only records until we trust it.
policy "tv-guide" {
  target = kubernetes.deployment { namespace = "tv", name = "guide" },
  replicas = { min = 4, max = 80 },
  startup = "2m",
  metrics = {
    rps = gateway.haproxy { url = "http://haproxy.tv:8405/metrics", backend = "guide", capacity = 150 },
  },
  track = { rps = 110 },
  predict = { metric = "rps", horizon = "15m", history = "14d", mode = "forecast_only" },
  stabilization_window = { scale_in = "10m" },
}
