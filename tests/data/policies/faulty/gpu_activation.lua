policy "whisper" {
  target = kubernetes.deployment { namespace = "speech", name = "whisper" },
  replicas = { min = 0, max = 6 },
  startup = "4m",
  metrics = {
    duty = prometheus { query = 'avg(DCGM_FI_DEV_GPU_UTIL{pod=~"whisper-.*"})', unit = "percent", per = "replica" },
  },
  activation = { duty = 5 },
  track = { duty = 75 },
}
