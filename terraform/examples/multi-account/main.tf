# SPDX-License-Identifier: Apache-2.0
# The tables and the signer in the first account, a share in each of three; any two of them suffice, and nobody who
# administers one of them has enough.

terraform {
  required_version = ">= 1.3"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region  = var.region
  profile = var.primary_profile
}

provider "aws" {
  alias   = "b"
  region  = var.region_b
  profile = var.secondary_b_profile
}

provider "aws" {
  alias   = "c"
  region  = var.region_c
  profile = var.secondary_c_profile
}

resource "aws_iam_role" "signer" {
  name = "chamber-signer"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = var.trusted_service }
        Action    = ["sts:AssumeRole", "sts:TagSession"]
      }
    ]
  })
}

module "tables" {
  source = "../../modules/tables"
}

module "key_a" {
  source           = "../../modules/share-key"
  signer_role_arns = [aws_iam_role.signer.arn]
  chamber          = var.chamber
  allow_encrypt    = var.allow_encrypt
}

module "key_b" {
  source           = "../../modules/share-key"
  providers        = { aws = aws.b }
  signer_role_arns = [aws_iam_role.signer.arn]
  chamber          = var.chamber
  allow_encrypt    = var.allow_encrypt
}

module "key_c" {
  source           = "../../modules/share-key"
  providers        = { aws = aws.c }
  signer_role_arns = [aws_iam_role.signer.arn]
  chamber          = var.chamber
  allow_encrypt    = var.allow_encrypt
}

module "signer_policy" {
  source             = "../../modules/signer-policy"
  role_name          = aws_iam_role.signer.name
  kms_key_arns       = [module.key_a.arn, module.key_b.arn, module.key_c.arn]
  slashing_table_arn = module.tables.slashing_table_arn
  state_table_arn    = module.tables.state_table_arn
  keys_table_arn     = module.tables.keys_table_arn
  chamber            = var.chamber
  allow_encrypt      = var.allow_encrypt
}
