policy "ticketing" {
  target = kubernetes.deployment { namespace = "tickets", name = "api" },
  replicas = { min = 5, max = 120 },
  startup = "90s",
  metrics = {
    rps = prometheus { query = 'sum(rate(http_requests_total{app="tickets"}[2m]))', unit = "per_second", per = "total", capacity = 90 },
    cpu = prometheus { query = 'avg(rate(process_cpu_seconds_total{app="tickets"}[2m]))', unit = "ratio", per = "replica", saturation = 1 },
  },
  predict = { metric = "rps", per_replica = 70, horizon = "10m", history = "21d", mode = "forecast_and_scale" },
  scale_out = {
    { name = "hot anyway", when = function(m) return m.cpu > 0.8 end, sustained_for = "1m", percent = 50 },
  },
  scale_in = {
    { name = "after the sale", when = function(m) return m.cpu < 0.4 end, sustained_for = "20m", percent = 10 },
  },
  rate_limit = { scale_in = { replicas = 4, per = "5m" } },
}
