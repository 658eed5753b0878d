policy "livestream" {
  target = kubernetes.deployment { namespace = "live", name = "edge" },
  replicas = { min = 3, max = 90 },
  startup = "8m",
  metrics = {
    viewers = prometheus { query = "sum(live_viewers)", unit = "count", per = "total", capacity = 2000 },
  },
  predict = { metric = "viewers", horizon = "5m", history = "7d", mode = "forecast_and_scale" },
  track = { viewers = 1500 },
}
