policy "cms" {
  target = kubernetes.deployment { namespace = "cms", name = "web" },
  replicas = { min = 2, max = 20 },
  startup = "1m",
  metrics = {
    cpu = prometheus { query = 'avg(rate(process_cpu_seconds_total{job="cms"}[2m]))', unit = "ratio", per = "replica", saturation = 1 },
    p95 = gateway.envoy { cluster = "cms" },
  },
  scale_out = {
    { name = "hot", when = function(m) return m.cpu > 0.7 end, sustained_for = "1m", add = 2 },
    { name = "slow", when = function(m) return m.p95 > 0.5 end, add = 1 },
  },
  scale_in = {
    -- "It never scales in", said the cost report, and up went the threshold.
    { name = "idle", when = function(m) return m.cpu < 0.75 and m.p95 < 0.2 end, sustained_for = "10m", remove = 1 },
  },
  cooldown = { scale_out = "2m", scale_in = "5m" },
}
