# SPDX-License-Identifier: Apache-2.0

output "kms_key_arns" {
  description = "What the chamber is initialised with; a threshold of 2 suits three keys."
  value       = [module.key_a.arn, module.key_b.arn, module.key_c.arn]
}

output "role_arn" {
  description = "The role that the signer runs as."
  value       = aws_iam_role.signer.arn
}
