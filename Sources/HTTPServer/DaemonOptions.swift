// SPDX-License-Identifier: Apache-2.0
internal import CGnuTLS
internal import CMicrohttpd

/// The one place where the library's options are put together.
enum DaemonOptions {
    /// Ends with `MHD_OPTION_END`.
    static func make(
        _ settings: HTTPServerSettings,
        _ descriptor: Int32,
        _ context: UnsafeMutableRawPointer
    ) -> [MHD_OptionItem] {
        func number(_ option: MHD_OPTION, _ value: Int) -> MHD_OptionItem {
            unsafe MHD_OptionItem(option: option, value: value, ptr_value: nil)
        }
        func callback<Function>(_ option: MHD_OPTION, _ function: Function) -> MHD_OptionItem {
            unsafe chamber_mhd_option(option, unsafeBitCast(function, to: UnsafeRawPointer.self), context)
        }
        let tls = unsafe settings.tls == nil ? [] : tlsOptions
        return unsafe [
            callback(.EXTERNAL_LOGGER, logCallback),
            number(.LISTEN_SOCKET, Int(descriptor)),
            // Head, field list and read buffer. Half of it is the largest piece of a body that comes in one callback.
            number(.CONNECTION_MEMORY_LIMIT, 20 * 1024),
            number(.CONNECTION_LIMIT, settings.connectionsOfThread),
            number(
                .PER_IP_CONNECTION_LIMIT,
                max(1, settings.limits.connectionsPerAddress / max(1, settings.threads))
            ),
            number(.CONNECTION_TIMEOUT, 0),
            // The framing check is stricter than the library at its strictest, and answers what it refuses.
            number(.STRICT_FOR_CLIENT, 0),
            callback(.URI_LOG_CALLBACK, targetCallback),
            callback(.UNESCAPE_CALLBACK, unescapeCallback),
            callback(.NOTIFY_COMPLETED, completedCallback),
            callback(.NOTIFY_CONNECTION, connectionCallback),
        ] + tls + [number(.END, 0)]
    }

    private static var tlsOptions: [MHD_OptionItem] {
        unsafe [
            MHD_OptionItem(
                option: .HTTPS_PRIORITIES,
                value: 0,
                ptr_value: UnsafeMutableRawPointer(mutating: TLSPolicy.priorities.utf8Start)
            ),
            MHD_OptionItem(
                option: .HTTPS_CERT_CALLBACK,
                value: 0,
                ptr_value: unsafeBitCast(noCertificate, to: UnsafeMutableRawPointer.self)
            ),
        ]
    }
}
