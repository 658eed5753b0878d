const PARTITIONS = 24 -- more consumers than partitions do nothing

policy "orders-consumer" {
  target = kubernetes.statefulset { namespace = "orders", name = "consumer" },
  replicas = { min = 3, max = PARTITIONS },
  interval = "30s",
  startup = "20s",
  metrics = {
    lag = prometheus {
      query = 'sum(kafka_consumergroup_lag{consumergroup="orders",topic="orders.v2"})',
      unit = "count", per = "total",
    },
  },
  scale_out = {
    { name = "falling behind", when = function(m) return m.lag > 20000 end, sustained_for = "2m", percent = 50 },
    { name = "far behind", when = function(m) return m.lag > 200000 end, to = PARTITIONS },
  },
  scale_in = {
    { name = "caught up", when = function(m) return m.lag < 1000 end, sustained_for = "20m", remove = 1 },
  },
  cooldown = { scale_out = "3m", scale_in = "10m" },
}
