"""Servers of models (`vllm serve`, sglang) as child processes: started, watched, spoken to, and surely stopped."""
