export { Button, ButtonLink, buttonClass, Spinner } from './Button';
export { cx } from './cx';
export { Dialog } from './Dialog';
export { Checkbox, Field, Select, TextArea } from './Field';
export { Badge, Card, Empty, ErrorState, Loading, Notice, Skeleton, useErrorText } from './states';
export { useToast } from './Toast';
export { EventTime, Money } from './text';
