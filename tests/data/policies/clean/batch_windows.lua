local zone = "Asia/Tokyo"

-- One window, built the same way each time.
local function window(name, cron, hours, min)
  return { name = name, cron = cron, timezone = zone, duration = hours .. "h", min = min }
end

policy "etl-runner" {
  target = kubernetes.deployment { namespace = "etl", name = "runner" },
  replicas = { min = 0, max = 20 },
  interval = "1m",
  metrics = { tasks = prometheus { query = "sum(airflow_executor_queued_tasks)", unit = "count", per = "total" } },
  activation = { tasks = 0 },
  track = { tasks = 6 },
  schedule = {
    window("hourly imports", "55 7-19 * * 1-6", 1, 2),
    window("weekly rebuild", "0 2 * * 0", 5, 10),
  },
}
