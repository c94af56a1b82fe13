// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <microhttpd.h>

/// MHD_start_daemon is variadic, which Swift cannot call: everything comes through MHD_OPTION_ARRAY.
static inline struct MHD_Daemon *chamber_mhd_start(
    unsigned int flags, MHD_AccessHandlerCallback handler, void *context, struct MHD_OptionItem *options) {
    return MHD_start_daemon(flags, 0, NULL, NULL, handler, context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/// MHD_get_connection_info is variadic. The next are its uses.
static inline int chamber_mhd_descriptor(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

static inline const struct sockaddr *chamber_mhd_peer(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

/// Bytes of the head from the first of the method to the last of the empty line.
static inline size_t chamber_mhd_head_size(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

/// What the notify-connection callback stored for the connection.
static inline void *chamber_mhd_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/// The session of GnuTLS; NULL without TLS.
static inline void *chamber_mhd_tls_session(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

/// An option whose value is a C function: Swift cannot turn a function pointer into an integer in one safe step.
static inline struct MHD_OptionItem chamber_mhd_option(enum MHD_OPTION option, const void *function, void *context) {
    struct MHD_OptionItem item = {option, (intptr_t)function, context};
    return item;
}

/// MHD_get_daemon_info is variadic: the descriptor that becomes readable when MHD_run has something to do.
static inline int chamber_mhd_epoll(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

/// Flags of a daemon that the caller drives: epoll, suspension, a log. The public name for suspension also asks for
/// MHD_USE_ITC, a pipe that would be written once for each answer.
static const unsigned int chamber_mhd_flags =
    MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (MHD_ALLOW_SUSPEND_RESUME & ~MHD_USE_ITC);
