-- Report builder: nothing runs at night unless somebody asks for a report.
policy "report-builder" {
  target = kubernetes.deployment { namespace = "reports", name = "builder" },
  replicas = { min = 0, max = 15 },
  startup = "50s",
  activation = { jobs = 0 },
  metrics = {
    jobs = prometheus { query = 'sum(rabbitmq_queue_messages_ready{queue="reports"})', unit = "count", per = "total" },
  },
  track = { jobs = 4 },
  stabilization_window = { scale_in = "10m" },
}
