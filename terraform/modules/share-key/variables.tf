# SPDX-License-Identifier: Apache-2.0

variable "signer_role_arns" {
  description = "The roles of the signers, also those of other accounts."
  type        = list(string)

  validation {
    condition     = length(var.signer_role_arns) > 0 && alltrue([for arn in var.signer_role_arns : !endswith(arn, ":root")])
    error_message = "Name the roles of the signers; with a whole account its administrators would decide who opens the share."
  }
}

variable "administrator_arns" {
  description = "Who administers the key; empty: whom the account's own policies allow to."
  type        = list(string)
  default     = []
}

variable "chamber" {
  description = "The chamber's identifier, 32 digits, once it is initialised; null before."
  type        = string
  default     = null

  validation {
    condition     = var.chamber == null ? true : can(regex("^[0-9a-f]{32}$", var.chamber))
    error_message = "A chamber's identifier has 32 lower-case hexadecimal digits."
  }
}

variable "allow_encrypt" {
  description = "Whether shares may be wrapped: for an initialisation or a rotation."
  type        = bool
  default     = true
}

variable "description" {
  description = "Description of the key."
  type        = string
  default     = "Wraps one share of the master key of a containment chamber"
}

variable "tags" {
  description = "Tags of the key."
  type        = map(string)
  default     = {}
}
