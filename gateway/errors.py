"""What can go wrong in a gateway and needs a person, or another try."""


class GatewayError(Exception):
    """The gateway can't do what it was asked; the text is one line for the person who runs it."""


class SettingsError(GatewayError):
    """The settings file, or a file it names, is missing or wrong."""


class BrokerFilesError(GatewayError):
    """The broker's files would let everybody in, or nobody: they are not written."""


class StoreError(GatewayError):
    """The store can't be opened or written (disk full, held by another gateway)."""


class DamagedStoreError(StoreError):
    """What is in the store's file can't be read as a store."""


class FeedError(GatewayError):
    """The server's answer does not have the agreed shape."""
