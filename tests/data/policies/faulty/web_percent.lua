policy "pricing-api" {
  target = kubernetes.deployment { namespace = "pricing", name = "api" },
  replicas = { min = 3, max = 30 },
  startup = "30s",
  metrics = {
    cpu = prometheus {
      query = 'avg(rate(container_cpu_usage_seconds_total{namespace="pricing",container="api"}[2m]))',
      unit = "ratio", per = "replica",
    },
  },
  scale_out = {
    { name = "hot", when = function(m) return m.cpu > 80 end, sustained_for = "2m", add = 2 },
  },
  scale_in = {
    { name = "idle", when = function(m) return m.cpu < 0.3 end, sustained_for = "10m", remove = 1 },
  },
}
