local function wanted(m)
  return m.jobs > 0 or m.scheduled > 0
end

policy "video-transcoder" {
  target = kubernetes.deployment { namespace = "video", name = "transcoder" },
  replicas = { min = 0, max = 32 },
  startup = "3m",
  interval = "20s",
  activation = wanted,
  metrics = {
    jobs = prometheus { query = 'sum(transcode_jobs_pending)', unit = "count", per = "total" },
    scheduled = prometheus { query = 'sum(transcode_jobs_scheduled{within="10m"})', unit = "count", per = "total", missing = "zero" },
  },
  scale_out = {
    { name = "backlog", when = function(m) return m.jobs > 8 end, add = 4 },
    { name = "announced", when = function(m) return m.scheduled > 20 end, add = 2 },
  },
  scale_in = {
    { name = "drained", when = function(m) return m.jobs <= 2 end, sustained_for = "10m", remove = 2 },
  },
  cooldown = { scale_out = "4m", scale_in = "10m" },
}
