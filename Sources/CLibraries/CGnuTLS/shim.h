// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/// GNUTLS_PROFILE_TO_VFLAGS is a macro of an expression, which Swift does not import: keys and signatures of at least 112
/// bits of strength in every certificate of a chain.
static const unsigned int chamber_gnutls_verify_flags = GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM);

/// GNUTLS_KP_TLS_WWW_CLIENT is a text, which the structure below wants as changeable bytes.
static inline gnutls_typed_vdata_st chamber_gnutls_client_purpose(void) {
    gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    return data;
}

/// The length of a list and its address come apart in the original.
static inline int chamber_gnutls_verify(
    gnutls_x509_trust_list_t list, gnutls_x509_crt_t *chain, unsigned int length, unsigned int *status) {
    gnutls_typed_vdata_st purpose = chamber_gnutls_client_purpose();
    return gnutls_x509_trust_list_verify_crt2(
        list, chain, length, &purpose, 1, chamber_gnutls_verify_flags, status, NULL);
}

/// gnutls_free is a macro around a pointer to a function.
static inline void chamber_gnutls_release(void *memory) { gnutls_free(memory); }
