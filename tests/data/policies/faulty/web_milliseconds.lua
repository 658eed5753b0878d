policy "checkout" {
  target = kubernetes.deployment { namespace = "shop", name = "checkout" },
  replicas = { min = 3, max = 40 },
  startup = "40s",
  metrics = {
    p95 = prometheus {
      query = 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{service="checkout"}[2m])))',
      unit = "seconds",
    },
  },
  scale_out = { { name = "slow", when = function(m) return m.p95 > 500 end, sustained_for = "1m", add = 2 } },
  scale_in = { { name = "fast", when = function(m) return m.p95 < 150 end, sustained_for = "15m", remove = 1 } },
}
