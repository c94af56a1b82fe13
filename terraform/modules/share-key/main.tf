# SPDX-License-Identifier: Apache-2.0
# One KMS key, which wraps one share of a chamber's master key.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"

  # What the signer binds every share to. The chamber's identifier exists once it is initialised.
  context = merge(
    { purpose = "master-key-share" },
    var.chamber == null ? {} : { chamber = var.chamber }
  )
}

data "aws_iam_policy_document" "key" {
  # Who administers the key does not open shares with it. Who may change this policy could, though: that is why each share
  # lies in another account.
  statement {
    sid = "Administration"

    principals {
      type        = "AWS"
      identifiers = coalescelist(var.administrator_arns, [local.account])
    }

    actions = [
      "kms:CancelKeyDeletion",
      "kms:DescribeKey",
      "kms:DisableKey",
      "kms:DisableKeyRotation",
      "kms:EnableKey",
      "kms:EnableKeyRotation",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListGrants",
      "kms:ListKeyPolicies",
      "kms:ListResourceTags",
      "kms:PutKeyPolicy",
      "kms:RevokeGrant",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateKeyDescription",
    ]

    resources = ["*"]
  }

  statement {
    sid = "SharesOfTheMasterKey"

    principals {
      type        = "AWS"
      identifiers = var.signer_role_arns
    }

    actions   = concat(["kms:Decrypt"], var.allow_encrypt ? ["kms:Encrypt"] : [])
    resources = ["*"]

    dynamic "condition" {
      for_each = local.context

      content {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:${condition.key}"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_kms_key" "share" {
  description             = var.description
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = var.tags

  lifecycle {
    prevent_destroy = true
  }
}
