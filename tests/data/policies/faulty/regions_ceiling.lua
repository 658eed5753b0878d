policy "cdn-origin" {
  target = kubernetes.deployment { namespace = "cdn", name = "origin" },
  replicas = { min = 10, max = 50 },
  metrics = { rps = prometheus { query = 'sum(rate(http_requests_total{job="origin"}[2m]))', unit = "per_second", per = "total" } },
  track = { rps = 900 },
  regions = { "iad", "fra", "nrt", "gru", max_total = 30 },
}
