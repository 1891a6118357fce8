#include "common/http-proxy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Domains that mean something in this network only: RFC 6761, 6762 (appendix G) and 8375, ICANN's
 * .internal, and what routers and resolvers call their own network. */
static const char *const private_domains[] = {
    "localhost", "local", "internal", "home.arpa", "lan",  "localdomain",
    "home",      "corp",  "private",  "intranet",  "test",
};

/* "This" host and loopback, RFC 1918, shared addresses (RFC 6598, also used by VPNs) and link-local
 * ones. */
static const struct {
    uint32_t network;
    unsigned bits;
} private_networks[] = {
    {0x00000000, 8},  {0x7f000000, 8},  {0x0a000000, 8},  {0xac100000, 12},
    {0xc0a80000, 16}, {0x64400000, 10}, {0xa9fe0000, 16},
};

static bool is_private_v4(uint32_t address)
{
    for (size_t i = 0; i < sizeof private_networks / sizeof *private_networks; i++)
        if ((address ^ private_networks[i].network) >> (32 - private_networks[i].bits) == 0)
            return true;
    return false;
}

static bool is_private_v6(const struct in6_addr *address)
{
    const uint8_t *bytes = address->s6_addr;

    if (IN6_IS_ADDR_V4MAPPED(address))
        return is_private_v4((uint32_t)bytes[12] << 24 | (uint32_t)bytes[13] << 16 |
                             (uint32_t)bytes[14] << 8 | bytes[15]);
    return IN6_IS_ADDR_LOOPBACK(address) || IN6_IS_ADDR_UNSPECIFIED(address) ||
           IN6_IS_ADDR_LINKLOCAL(address) || (bytes[0] & 0xfe) == 0xfc; /* fc00::/7, RFC 4193 */
}

/* A name without a dot is one of this network as well. */
static bool is_private_name(const char *name, size_t length)
{
    if (!memchr(name, '.', length))
        return true;
    for (size_t i = 0; i < sizeof private_domains / sizeof *private_domains; i++) {
        size_t tail = strlen(private_domains[i]);

        if (length > tail && name[length - tail - 1] == '.' &&
            strncasecmp(name + length - tail, private_domains[i], tail) == 0)
            return true;
    }
    return false;
}

/* Reads a host as libcurl does: an IPv6 address in brackets, an IPv4 address in any spelling. */
static bool is_private(char *host)
{
    size_t length = strlen(host);
    struct in6_addr six;
    struct in_addr four;

    if (host[0] == '[') {
        host[length - 1] = '\0';
        return inet_pton(AF_INET6, host + 1, &six) != 1 || is_private_v6(&six);
    }
    while (length > 0 && host[length - 1] == '.')
        host[--length] = '\0';
    if (inet_aton(host, &four))
        return is_private_v4(ntohl(four.s_addr));
    return is_private_name(host, length);
}

/* Whether an entry of no_proxy names a host, which is as is_private() has left it. `port` is that of the
 * URL. */
static bool is_named_by(const char *entry, size_t length, const char *host, const char *port)
{
    size_t host_length, port_length = strlen(port);

    if (length > port_length && entry[length - port_length - 1] == ':' &&
        strncmp(entry + length - port_length, port, port_length) == 0)
        length -= port_length + 1;
    if (length == 1 && *entry == '*')
        return true;
    if (length > 1 && entry[0] == '*' && entry[1] == '.')
        entry++, length--;
    while (length > 0 && entry[0] == '.')
        entry++, length--;
    if (length > 2 && entry[0] == '[' && entry[length - 1] == ']')
        entry++, length -= 2;
    while (length > 0 && entry[length - 1] == '.')
        length--;
    host += *host == '[';
    host_length = strlen(host);
    return length > 0 && length <= host_length &&
           strncasecmp(host + host_length - length, entry, length) == 0 &&
           (length == host_length || host[host_length - length - 1] == '.');
}

/* Whether no_proxy names a host; one in capitals counts if there is no other, as for libcurl. */
static bool is_excepted(const char *host, const char *port)
{
    static const char between[] = ", \t";
    const char *entry = getenv("no_proxy");

    if (!entry)
        entry = getenv("NO_PROXY");
    while (entry && *(entry += strspn(entry, between))) {
        size_t length = strcspn(entry, between);

        if (is_named_by(entry, length, host, port))
            return true;
        entry += length;
    }
    return false;
}

bool http_proxy_passed_by(const char *url, bool secret)
{
    CURLU *parts = curl_url();
    char *scheme = NULL;
    char *host = NULL;
    char *port = NULL;
    char *user = NULL;
    bool passed_by = true;

    if (parts && curl_url_set(parts, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        secret |= curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK;
        passed_by = is_private(host) || is_excepted(host, port) ||
                    (secret && strcasecmp(scheme, "https") != 0);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(parts);
    return passed_by;
}
