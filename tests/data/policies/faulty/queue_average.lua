policy "mailer" {
  target = kubernetes.deployment { namespace = "mail", name = "sender" },
  replicas = { min = 1, max = 20 },
  metrics = {
    queue = prometheus { query = 'sum(rabbitmq_queue_messages{queue="outgoing"})', unit = "count" },
  },
  track = { queue = 200 },
}
