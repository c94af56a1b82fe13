# SPDX-License-Identifier: Apache-2.0

variable "profile" {
  description = "Profile of the AWS configuration; null for the standard chain."
  type        = string
  default     = null
}

variable "region" {
  description = "Region of the tables and of the first key."
  type        = string
  default     = "eu-central-1"
}

variable "region_b" {
  description = "Region of the second key."
  type        = string
  default     = "eu-west-1"
}

variable "region_c" {
  description = "Region of the third key."
  type        = string
  default     = "eu-north-1"
}

variable "trusted_service" {
  description = "Where the signer runs: ec2.amazonaws.com, ecs-tasks.amazonaws.com or pods.eks.amazonaws.com."
  type        = string
  default     = "ec2.amazonaws.com"
}

variable "chamber" {
  description = "The chamber's identifier, 32 digits, once it is initialised; null before."
  type        = string
  default     = null
}

variable "allow_encrypt" {
  description = "Whether shares may be wrapped: for an initialisation or a rotation."
  type        = bool
  default     = true
}
