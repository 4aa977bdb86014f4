"""Examples that an installation lays beside the settings: the proxy in front, the firewall."""


def caddy(host: str, listen: str) -> str:
    """A Caddyfile: TLS by itself, streams not held back."""
    return f"""\
# /etc/caddy/Caddyfile. Caddy fetches and renews the certificate by itself; ports 80 and 443 must reach it.
{host} {{
    request_body {{
        max_size 3MB
    }}
    reverse_proxy {listen} {{
        flush_interval -1
    }}
}}
"""


def nginx(host: str, listen: str) -> str:
    """A site of nginx: the certificate is somebody else's work (certbot)."""
    return f"""\
# /etc/nginx/sites-enabled/loquet. A gateway's question for news waits up to 55 s, hence the time-out; live
# pages are streams, and the server itself says that they must not be buffered.
server {{
    listen 443 ssl;
    server_name {host};
    ssl_certificate /etc/letsencrypt/live/{host}/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/{host}/privkey.pem;
    client_max_body_size 3m;
    location / {{
        proxy_pass http://{listen};
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_read_timeout 90s;
    }}
}}
"""


def _nftables(what: str, accepted: str) -> str:
    return f"""\
# /etc/nftables.conf of {what}; nft -c -f FILE checks it, systemctl enable --now nftables puts it into force.
flush ruleset
table inet loquet {{
    chain input {{
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif "lo" accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        tcp dport 22 accept comment "ssh: narrow it to where you come from"
{accepted}    }}
    chain forward {{
        type filter hook forward priority filter; policy drop;
    }}
}}
"""


def server_firewall() -> str:
    """The world reaches the proxy, nothing else."""
    return _nftables(
        "the server", '        tcp dport { 80, 443 } accept comment "the proxy; 80 for certificates"\n'
    )


def gateway_firewall(network: str, port: int) -> str:
    """The controllers' network reaches the broker's TLS port, nothing else."""
    accept = (
        f'        ip saddr {network} tcp dport {port} accept comment "the controllers, TLS with their keys"\n'
    )
    return _nftables("a site's box", accept)
