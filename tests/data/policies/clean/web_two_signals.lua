local P95_TARGET = 0.4 -- seconds, from the SLO document

policy "search-frontend" {
  target = kubernetes.deployment { namespace = "search", name = "frontend" },
  replicas = { min = 6, max = 60 },
  interval = "30s",
  startup = "1m",

  metrics = {
    cpu = prometheus {
      query = 'avg(rate(container_cpu_usage_seconds_total{namespace="search",container="frontend"}[3m])) / 2',
      unit = "ratio",
      per = "replica",
      saturation = 1,
    },
    p95 = prometheus {
      query = 'histogram_quantile(0.95, sum by (le) (rate(http_server_duration_seconds_bucket{service="frontend"}[3m])))',
      unit = "seconds",
      models = "latency",
      load = "cpu",
    },
  },

  scale_out = {
    { name = "hot", when = function(m) return m.cpu > 0.75 end, sustained_for = "1m30s", percent = 20 },
    { name = "slow", when = function(m) return m.p95 > P95_TARGET end, sustained_for = "1m", add = 3, cooldown = "5m" },
  },
  scale_in = {
    { name = "cool", when = function(m) return m.cpu < 0.45 and m.p95 < P95_TARGET / 2 end, sustained_for = "15m", percent = 10 },
  },
  cooldown = { scale_out = "2m", scale_in = "10m" },
}
