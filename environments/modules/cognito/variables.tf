variable "environment" {
  description = "`dev`, `sit` or `prod`."
  type        = string

  validation {
    condition     = contains(["dev", "sit", "prod"], var.environment)
    error_message = "environment must be dev, sit or prod."
  }
}

variable "protected" {
  description = "Whether the pool refuses to be deleted."
  type        = bool
  default     = true
}

variable "callback_urls" {
  description = "Where the console takes people after they signed in; empty makes no client for it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for url in var.callback_urls : startswith(url, "https://")])
    error_message = "callback_urls must be https."
  }
}
