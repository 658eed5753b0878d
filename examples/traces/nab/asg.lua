-- An Auto Scaling group on average CPU, as AWS' target tracking does it, with a floor for the
-- working day.

policy "web-asg" {
  target   = http { url = "https://scaler.example.com/groups/web-asg" },
  replicas = { min = 2, max = 30 },
  interval = "5m",
  startup  = "3m",

  metrics = {
    cpu = prometheus { query = [[avg(aws_ec2_cpuutilization_average{auto_scaling_group_name="web-asg"})]],
                       unit = "percent", per = "replica", saturation = 100 },
  },

  track    = { cpu = 40 },
  cooldown = { scale_in = "10m" },
  schedule = {
    { name = "working day", cron = "0 8 * * 1-5", timezone = "America/New_York", duration = "10h", min = 6 },
  },
}
