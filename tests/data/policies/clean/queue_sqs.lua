-- Thumbnails. A worker takes 12 messages a second; 10 minutes of backlog is what the product accepts.
policy "thumbnailer" {
  target = kubernetes.deployment { namespace = "media", name = "thumbnailer" },
  replicas = { min = 2, max = 50 },
  startup = "30s",
  metrics = {
    backlog = prometheus {
      query = 'sum(aws_sqs_approximate_number_of_messages_visible_average{queue_name="thumbnails"})',
      unit = "count", per = "total",
    },
  },
  track = { backlog = 500 },
  rate_limit = {
    scale_out = { { replicas = 10, per = "1m" }, { percent = 50, per = "1m" } },
    scale_in = { percent = 20, per = "5m" },
  },
}
