-- When the exporter restarts the queue "is" empty, and half of the workers go.
policy "invoice-worker" {
  target = kubernetes.deployment { namespace = "billing", name = "worker" },
  replicas = { min = 2, max = 30 },
  startup = "20s",
  metrics = {
    queue = prometheus { query = 'sum(redis_list_length{list="invoices"})', unit = "count", per = "total", missing = "zero" },
  },
  scale_out = { { name = "backlog", when = function(m) return m.queue > 1000 end, sustained_for = "1m", percent = 50 } },
  scale_in = { { name = "empty", when = function(m) return m.queue < 50 end, sustained_for = "5m", percent = 50 } },
}
