#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/hmac.h>

// ERR_R_MALLOC_FAILURE is a macro of an expression, which Swift does not import.
static inline unsigned long chamber_openssl_out_of_memory(void) { return ERR_R_MALLOC_FAILURE; }

// A parameter keeps the pointer to its name, which is a macro of a literal: out of Swift it would be a temporary copy.
// libcrypto refuses a null key and takes an empty one.
static inline int chamber_openssl_hkdf_sha256(EVP_KDF_CTX *context, const unsigned char *secret, size_t secret_length,
                                              const unsigned char *salt, size_t salt_length, const unsigned char *info,
                                              size_t info_length, unsigned char *key, size_t key_length) {
    unsigned char none = 0;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret ? (void *)secret : &none, secret_length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt ? (void *)salt : &none, salt_length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info ? (void *)info : &none, info_length),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, key, key_length, parameters);
}
