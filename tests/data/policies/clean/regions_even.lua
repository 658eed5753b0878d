policy "identity" {
  target = kubernetes.deployment { namespace = "identity", name = "server" },
  replicas = { min = 3, max = 20 },
  startup = "35s",
  metrics = {
    cpu = prometheus { query = 'avg(rate(process_cpu_seconds_total{job="identity"}[2m]))', unit = "ratio", per = "replica", saturation = 1 },
  },
  scale_out = { { name = "hot", when = function(m) return m.cpu > 0.6 end, sustained_for = "1m", percent = 34 } },
  scale_in = { { name = "cold", when = function(m) return m.cpu < 0.25 end, sustained_for = "15m", remove = 1 } },
  regions = { "fra", "ams", max_total = 40 },
  cooldown = { scale_out = "90s", scale_in = "5m" },
}
