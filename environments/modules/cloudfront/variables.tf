variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "login_rate" {
  description = "Logins that one address may try in five minutes."
  type        = number
  default     = 100

  validation {
    condition     = var.login_rate >= 10
    error_message = "login_rate must be 10 at least: WAF counts no less."
  }
}

variable "log_retention_days" {
  description = "Days for which requests that the firewall stopped are kept."
  type        = number
  default     = 365
}
